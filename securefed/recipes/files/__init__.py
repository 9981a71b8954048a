"""Files that a site really has, read record by record: CSV, Parquet, folders of images."""
