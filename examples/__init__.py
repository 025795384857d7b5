"""Programs that show Podium at work. Each runs without an argument and takes a real input by option."""
