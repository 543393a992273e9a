"""Reports of work directories: tables, curves, pages."""
