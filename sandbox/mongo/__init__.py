"""A stand-in for MongoDB on its wire protocol."""
