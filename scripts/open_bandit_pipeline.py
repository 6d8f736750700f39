"""Open Bandit Pipeline without what it asks for and estimates don't use: PyTorch, pictures, policies that learn."""

import importlib
import importlib.util
import os
import sys
import types


def load(*modules):
    """The named modules of the package, such as "ope.estimators". Its own lists of imports, which bring in all the rest, are passed over."""
    root = os.path.dirname(importlib.util.find_spec("obp").origin)
    for name in ("obp", "obp.ope", "obp.dataset"):
        package = types.ModuleType(name)
        package.__path__ = [os.path.join(root, *name.split(".")[1:])]
        sys.modules[name] = package
    # Only to tell tensors from arrays.
    torch = types.ModuleType("torch")
    torch.Tensor = torch.tensor = type("Tensor", (), {})
    sys.modules.setdefault("torch", torch)
    return [importlib.import_module(f"obp.{name}") for name in modules]
