"""Side-by-side figures. Each program prints one table and one ratio."""
