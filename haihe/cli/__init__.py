"""命令行: what a timer or an operator asks for. `flask --app wsgi COMMAND`."""
