"""The mesh renderer: a textured mesh of the person over a plate, with eyeballs and teeth on sheets of their own.

:mod:`analysis` holds what is learnt of a portrait once: :mod:`topology` names the landmarks, :mod:`displacements` and
:mod:`deform` say how each action moves them, :mod:`geometry` and :mod:`head_weights` build the mesh, :mod:`layers` are
person and plate, :mod:`texture` what is sampled, :mod:`eyes`, :mod:`mouth` and :mod:`teeth` what is seen through the
openings, :mod:`shading` the folds of an expression. :mod:`drawing` holds what happens every frame: :mod:`rig` and
:mod:`pose` move the mesh, :mod:`rasteriser` turns it into a map of where each pixel comes from, :mod:`compose` lays
that over the plate, :mod:`eyes` and :mod:`mouth` fill the openings by :mod:`aperture_kernels`, :mod:`viewport` lays out
the frame and :mod:`painter` puts it together; :mod:`moda.compiled` makes machine code of the loops over pixels.
"""
