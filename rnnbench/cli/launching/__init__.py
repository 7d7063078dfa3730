"""Where the jobs of a sweep run (`launcher`, `engines`), and what is shown meanwhile (`status_line`)."""
