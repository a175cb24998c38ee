"""The mesh renderer: one textured mesh over the portrait, with eyeballs and teeth on sheets of their own.

:mod:`analysis` holds what is learnt of a portrait once: :mod:`topology` names the landmarks, :mod:`displacements` and
:mod:`deform` say how each action moves them, :mod:`geometry` and :mod:`head_weights` build the mesh, :mod:`texture`
what it samples, :mod:`eyes`, :mod:`mouth` and :mod:`teeth` what is seen through its openings, :mod:`shading` the folds
of an expression. :mod:`drawing` holds what happens every frame: :mod:`rig` and :mod:`pose` move the mesh,
:mod:`rasteriser` turns it into a map of where each pixel comes from, :mod:`eyes` and :mod:`mouth` fill the openings by
:mod:`aperture_kernels`, :mod:`viewport` lays out the frame and :mod:`painter` puts it together; :mod:`compiled` makes
machine code of the loops over pixels.
"""
