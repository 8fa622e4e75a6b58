"""What a user holds: clients, views and results. The names are exported by the package itself."""
