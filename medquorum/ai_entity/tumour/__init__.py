"""CT, and PET where there is one, to lesions, levels per region and a total tumour volume."""
