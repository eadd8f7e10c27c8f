"""Training one network at several hospitals whose images never leave them.

Per hospital two processes. The **trainer** (torch, this package's environment) opens the images,
and no socket but a local one, its gate. The **courier** (Flower's SuperNode and ClientApp, an
environment without torch) speaks to the other institutions and opens no image. Between them, and
from them to the coordinator, only what the **agreement** lists passes: arrays of the network's
names and shapes, and a few numbers with limits. ``confinement`` makes the kernel hold both to it.

``agreement`` and ``exchange`` say what may pass, ``frames`` how it passes the gate, ``trainer`` and
``hospital`` are the trainer's side, ``client_app`` and ``server_app`` Flower's.
"""
