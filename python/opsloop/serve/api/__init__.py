"""The API for programs: `/api/v1`. `operations.py` lists what there is; everything else follows from that list."""
