"""All that knows Concrete."""
