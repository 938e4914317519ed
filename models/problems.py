"""Problems: recurring types of trouble, by the taxonomy (`TaxonomyClassifier`) and beyond it (`ProblemClusterer`)."""
from models.problem_clusterer import ProblemClusterer
from models.taxonomy_classifier import TaxonomyClassifier

__all__ = ["ProblemClusterer", "TaxonomyClassifier"]
