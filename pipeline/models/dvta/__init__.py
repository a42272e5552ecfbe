"""Networks, scores and losses of DVTA (Kuang et al.): what docs/dvta.md says of them is here."""
