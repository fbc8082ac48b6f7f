"""How Sphinx builds the documentation: ``make docs``."""

from coname import __version__

project = "coname"
copyright = "the coname authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3  # so that pages can link to headings
exclude_patterns = ["_build", "changelog.d"]
default_role = "literal"  # single backticks in docstrings are code
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
nitpicky = False

html_theme = "furo"
html_title = f"coname {__version__}"
html_show_sphinx = False
