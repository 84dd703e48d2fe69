"""Many users at once against a running service, and the pipeline's read beside a writer."""
