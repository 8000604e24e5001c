"""How single parts of the server are made of the settings: a module for each part. Only `app.py` uses them."""
