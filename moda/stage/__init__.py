"""The stage: the rig of a portrait as one compact file, and the WebGL viewer that moves it in the browser.

:mod:`bundle` packs what the mesh renderer learnt of a portrait, :mod:`chunks` packs motion, :mod:`script` joins the
viewer's JavaScript and shaders (``js/``, ``shaders/``) to one script that needs no network.
"""
