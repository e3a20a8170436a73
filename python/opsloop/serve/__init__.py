"""The HTTP control plane: `opsloop serve`. `opsloop.serve.app` says how its parts fit."""
