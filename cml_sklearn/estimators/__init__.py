"""What the estimators are made of: taking a class over, owning modules, predicting; by family."""
