"""Schema migrations, run by `warehouse.migrate`."""
