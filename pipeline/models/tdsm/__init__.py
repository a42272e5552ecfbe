"""The diffusion model of TDSM (Do and Kim, ICCV 2025): what is mixed, what tells the noise, and what it learns from."""
