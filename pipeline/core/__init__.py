"""The ground: schemas, tables, feature store, params, joints, hashing, errors, rejects, runs. No torch here."""
