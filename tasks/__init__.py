"""The steps of the pipeline: one module per verb, pure functions first, thin Prefect tasks beside them."""
