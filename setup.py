"""Builds the package from settings.ini: edit there, not here."""

import shlex
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
settings = ConfigParser(delimiters=["="])
settings.read(ROOT / "settings.ini", encoding="utf-8")
cfg = settings["DEFAULT"]

LICENSES = {"apache2": "Apache-2.0"}
STATUSES = {"2": "2 - Pre-Alpha", "3": "3 - Alpha", "4": "4 - Beta", "5": "5 - Production/Stable"}
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
EXTRAS = ["aws", "parquet", "cdf", "magnetic", "xarray", "lab"]

extras = {name: shlex.split(cfg[f"{name}_requirements"]) for name in EXTRAS}
extras["dev"] = shlex.split(cfg["dev_requirements"])
for name in ("parquet", "cdf", "magnetic", "xarray", "lab"):
    extras["dev"] += extras[name]

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    keywords=cfg["keywords"].split(),
    author=cfg["author"],
    author_email=cfg["author_email"],
    license=LICENSES[cfg["license"]],
    url=cfg["git_url"],
    project_urls={
        "Documentation": cfg["doc_host"] + cfg["doc_baseurl"],
        "Source": cfg["git_url"],
        "Changelog": f"{cfg['git_url']}/blob/{cfg['branch']}/CHANGELOG.md",
        "Issues": cfg["git_url"] + "/issues",
    },
    classifiers=[
        f"Development Status :: {STATUSES[cfg['status']]}",
        f"Intended Audience :: {cfg['audience']}",
        "Topic :: Scientific/Engineering :: Astronomy",
        "Topic :: Scientific/Engineering :: Physics",
        "Framework :: Jupyter",
        "Environment :: Console",
        "Operating System :: OS Independent",
        "Typing :: Typed",
        f"Natural Language :: {cfg['language']}",
    ]
    + [
        f"Programming Language :: Python :: {p}"
        for p in PYTHONS[PYTHONS.index(cfg["min_python"]) :]
    ],
    package_dir={"": "."},  # or a folder named like the package hides an editable install
    packages=find_packages(include=[cfg["lib_path"], cfg["lib_path"] + ".*"]),
    package_data={cfg["lib_path"]: ["py.typed", "__init__.pyi"]},
    include_package_data=False,
    python_requires=f">={cfg['min_python']}",
    install_requires=shlex.split(cfg["requirements"]),
    extras_require=extras,
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    zip_safe=False,
    entry_points={
        "console_scripts": [cfg["console_scripts"]],
        "nbdev": [f"{cfg['lib_path']}={cfg['lib_path']}._modidx:d"],
    },
)
