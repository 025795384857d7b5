"""Crawl a web site and rate every page: safe, 13+ or 18+.

Three parts that know nothing of each other: `scraper` fetches and reads pages, `moderator` rates a text,
`orchestrator` decides which call runs when. Only the orchestrator imports Podium; `one_file.py` is the
same program in one piece. Run it with `python -m examples.content_moderation [URL]`.
"""
