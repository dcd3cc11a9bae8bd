"""A function to deploy: `app.py` is its code, `template.yaml` its resources."""
