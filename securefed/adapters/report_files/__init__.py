"""The audit report as files: HTML with inline SVG, a PDF of it, and YAML.

One page without scripts, fonts, links to elsewhere or anything else that a browser would fetch;
what people wrote is text in it, whatever it looks like. The same report gives the same bytes.
"""

from securefed.adapters.report_files.page import report_page
from securefed.adapters.report_files.pdf import write_pdf
from securefed.adapters.report_files.yaml_text import yaml_text

__all__ = ["report_page", "write_pdf", "yaml_text"]
