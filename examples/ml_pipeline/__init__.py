"""An ML pipeline: preprocess, a sweep of 80 fits, refit, evaluate; its values are kept by reference."""
