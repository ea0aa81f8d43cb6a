"""Checks the HTML that Quarto wrote: check_site.py [_docs]

Links and anchors lead somewhere, pictures have words.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag


class Html(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.bare = set(), [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[k] for k in ("id", "name") if attrs.get(k)}
        self.links += [attrs[k] for k in ("href", "src") if attrs.get(k)]
        spoken = (attrs.get("alt") or "").strip() or attrs.get("aria-hidden") == "true"
        if tag == "img" and not spoken:
            self.bare.append(attrs.get("src", "")[:60])


def check_site(site):
    """What is wrong with the HTML in a folder, a line each."""
    parsed = {}
    for path in site.rglob("*.html"):
        parsed[path.resolve()] = Html()
        parsed[path.resolve()].feed(path.read_text(encoding="utf-8"))
    troubles = []
    for path, html in parsed.items():
        name = path.relative_to(site.resolve()).as_posix()
        troubles += [f"{name}: the picture {src} has no text alternative" for src in html.bare]
        for target in html.links:
            if re.match(r"[\w+.-]+:|//", target):
                continue
            link, fragment = urldefrag(target)
            link = unquote(link.partition("?")[0])
            base = site if link.startswith("/") else path.parent
            there = base / link.lstrip("/") if link else path
            there = (there / "index.html" if there.is_dir() else there).resolve()
            if not there.is_file():
                troubles.append(f"{name}: the link {target} leads nowhere")
            elif fragment and there in parsed and unquote(fragment) not in parsed[there].ids:
                troubles.append(f"{name}: the link {target} leads to no anchor")
    return troubles


if __name__ == "__main__":
    folder = Path(sys.argv[1] if sys.argv[1:] else "_docs")
    count, found = len(list(folder.rglob("*.html"))), check_site(folder)
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{count} pages, {len(found)} troubles")
    sys.exit(1 if found or not count else 0)
