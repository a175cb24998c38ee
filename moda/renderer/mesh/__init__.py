"""The mesh renderer: one textured mesh over the portrait, with eyeballs and teeth on sheets of their own.

:mod:`topology` names the landmarks, :mod:`table` and :mod:`deform` say how each action moves them, :mod:`geometry`
and :mod:`field` build the mesh of a portrait, :mod:`rig` and :mod:`pose` move it, :mod:`flow` turns it into pixels,
:mod:`eyes`, :mod:`mouth` and :mod:`teeth` hold what is seen through the openings and :mod:`openings` draws it,
:mod:`shading` adds the folds of an expression, :mod:`stage` lays out the frame, :mod:`painter` puts it together and
:mod:`compiled` makes machine code of the loops over pixels.
"""
