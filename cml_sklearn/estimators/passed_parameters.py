"""Parameters and `fit` arguments that every wrapped class gets as they are.

Together with those that are translated or refused they are all that there are: nothing is without
effect. `tests/test_parameters.py` fails where a library brings a name that is in no table.
"""

from __future__ import annotations

__all__ = ["FIT_PASSED", "FURTHER_PASSED", "PASSED"]

_TREE = """ccp_alpha criterion max_depth max_features max_leaf_nodes min_impurity_decrease
min_samples_leaf min_samples_split min_weight_fraction_leaf random_state"""
_SINGLE = f"{_TREE} monotonic_cst splitter"
_FOREST = f"{_TREE} bootstrap max_samples monotonic_cst n_estimators n_jobs oob_score verbose"
_BAG = """bootstrap bootstrap_features max_features max_samples n_estimators n_jobs oob_score
random_state verbose"""
_GRADIENT = f"""{_TREE} init learning_rate loss n_estimators n_iter_no_change subsample tol
validation_fraction verbose"""
_HISTOGRAM = """early_stopping interaction_cst l2_regularization learning_rate loss max_bins
max_depth max_features max_iter max_leaf_nodes min_samples_leaf n_iter_no_change random_state
scoring tol validation_fraction verbose"""
_COORDINATES = """alpha copy_X fit_intercept max_iter positive precompute random_state selection
tol"""
_GRID = "alphas copy_X cv eps fit_intercept max_iter n_jobs positive precompute tol verbose"
_ANGLES = "copy_X eps fit_intercept max_iter positive precompute verbose"
_TASKS = "alpha copy_X fit_intercept max_iter random_state selection tol"
_TASKS_GRID = """alphas copy_X cv eps fit_intercept max_iter n_jobs random_state selection tol
verbose"""
_LATENT = "copy max_iter n_components scale tol"
_BAYES = "alpha class_prior fit_prior force_alpha"
_MIXTURE = """covariance_type init_params max_iter n_components n_init random_state reg_covar tol
verbose verbose_interval"""
_SPARSE = "alpha max_iter method n_components n_jobs random_state ridge_alpha tol verbose"
_CENTRES = "init max_iter n_clusters n_init random_state tol verbose"
_KERNEL = "cache_size coef0 degree gamma kernel max_iter shrinking tol verbose"
_VOTES = f"{_KERNEL} break_ties class_weight decision_function_shape random_state"
_DEVIANCE = "alpha fit_intercept max_iter solver tol verbose"
_RIDGE = "alpha copy_X fit_intercept max_iter positive random_state solver tol"
_DESCENT = """alpha early_stopping eta0 fit_intercept l1_ratio max_iter n_iter_no_change penalty
random_state shuffle tol validation_fraction verbose"""
_SVM = "C dual fit_intercept intercept_scaling loss max_iter random_state tol verbose"
_NETWORK = """activation alpha batch_size beta_1 beta_2 early_stopping epsilon hidden_layer_sizes
learning_rate learning_rate_init max_fun max_iter momentum n_iter_no_change nesterovs_momentum
power_t random_state shuffle solver tol validation_fraction verbose"""
_NEIGHBORS = "algorithm leaf_size n_jobs n_neighbors p radius"
_XGBOOST = """base_score callbacks colsample_bylevel colsample_bynode colsample_bytree device
early_stopping_rounds eval_metric feature_weights gamma grow_policy importance_type learning_rate
max_bin max_cat_threshold max_cat_to_onehot max_delta_step max_depth max_leaves min_child_weight
n_estimators n_jobs num_parallel_tree random_state reg_alpha reg_lambda sampling_method
scale_pos_weight subsample tree_method validate_parameters verbosity"""
_LIGHTGBM = """boosting_type class_weight colsample_bytree importance_type learning_rate max_depth
min_child_samples min_child_weight min_split_gain n_estimators n_jobs num_leaves random_state
reg_alpha reg_lambda subsample subsample_for_bin subsample_freq"""

PASSED = {
    "AdaBoostClassifier": "learning_rate n_estimators random_state",
    "AdaBoostRegressor": "learning_rate loss n_estimators random_state",
    "AffinityPropagation": """convergence_iter copy damping max_iter preference random_state
verbose""",
    "ARDRegression": """alpha_1 alpha_2 compute_score copy_X fit_intercept lambda_1 lambda_2
max_iter threshold_lambda tol verbose""",
    "BaggingClassifier": _BAG,
    "BaggingRegressor": _BAG,
    "BayesianRidge": """alpha_1 alpha_2 alpha_init compute_score copy_X fit_intercept lambda_1
lambda_2 lambda_init max_iter tol verbose""",
    "BayesianGaussianMixture": f"""{_MIXTURE} covariance_prior degrees_of_freedom_prior
mean_precision_prior mean_prior weight_concentration_prior weight_concentration_prior_type""",
    "BernoulliNB": f"{_BAYES} binarize",
    "BernoulliRBM": "batch_size learning_rate n_components n_iter random_state verbose",
    "Birch": "branching_factor compute_labels n_clusters threshold",
    "BisectingKMeans": f"{_CENTRES} algorithm bisecting_strategy copy_x",
    "CategoricalNB": f"{_BAYES} min_categories",
    "CCA": _LATENT,
    "ComplementNB": f"{_BAYES} norm",
    "DecisionTreeClassifier": f"{_SINGLE} class_weight",
    "DecisionTreeRegressor": _SINGLE,
    "ElasticNet": f"{_COORDINATES} l1_ratio",
    "ElasticNetCV": f"{_GRID} l1_ratio n_alphas random_state selection",
    "EllipticEnvelope": """assume_centered contamination random_state store_precision
support_fraction""",
    "ExtraTreeClassifier": f"{_SINGLE} class_weight",
    "ExtraTreeRegressor": _SINGLE,
    "ExtraTreesClassifier": f"{_FOREST} class_weight",
    "ExtraTreesRegressor": _FOREST,
    "FactorAnalysis": """copy iterated_power max_iter n_components noise_variance_init
random_state rotation svd_method tol""",
    "FastICA": """algorithm fun fun_args max_iter n_components random_state tol w_init whiten
whiten_solver""",
    "GammaRegressor": _DEVIANCE,
    "GaussianMixture": f"{_MIXTURE} means_init precisions_init weights_init",
    "GaussianNB": "priors var_smoothing",
    "GaussianRandomProjection": "compute_inverse_components eps n_components random_state",
    "GradientBoostingClassifier": _GRADIENT,
    "GradientBoostingRegressor": f"{_GRADIENT} alpha",
    "HistGradientBoostingClassifier": f"{_HISTOGRAM} class_weight",
    "HistGradientBoostingRegressor": f"{_HISTOGRAM} quantile",
    "HuberRegressor": "alpha epsilon fit_intercept max_iter tol",
    "IncrementalPCA": "batch_size copy n_components whiten",
    "IsolationForest": """bootstrap contamination max_features max_samples n_estimators n_jobs
random_state verbose""",
    "KernelPCA": """alpha coef0 copy_X degree eigen_solver fit_inverse_transform gamma
iterated_power kernel kernel_params max_iter n_components n_jobs random_state remove_zero_eig
tol""",
    "KernelRidge": "alpha coef0 degree gamma kernel kernel_params",
    "KMeans": f"{_CENTRES} algorithm copy_x",
    "KNeighborsClassifier": _NEIGHBORS,
    "KNeighborsRegressor": _NEIGHBORS,
    "Lars": """copy_X eps fit_intercept fit_path jitter n_nonzero_coefs precompute random_state
verbose""",
    "LarsCV": "copy_X cv eps fit_intercept max_iter max_n_alphas n_jobs precompute verbose",
    "Lasso": _COORDINATES,
    "LassoCV": f"{_GRID} n_alphas random_state selection",
    "LassoLars": f"{_ANGLES} alpha fit_path jitter random_state",
    "LassoLarsCV": f"{_ANGLES} cv max_n_alphas n_jobs",
    "LassoLarsIC": f"{_ANGLES} criterion noise_variance",
    "LGBMClassifier": _LIGHTGBM,
    "LGBMRegressor": _LIGHTGBM,
    "LinearDiscriminantAnalysis": """covariance_estimator n_components priors shrinkage solver
store_covariance tol""",
    "LinearRegression": "copy_X fit_intercept n_jobs positive tol",
    "LinearSVC": f"{_SVM} class_weight multi_class penalty",
    "LinearSVR": f"{_SVM} epsilon",
    "LogisticRegression": """C class_weight dual fit_intercept intercept_scaling l1_ratio max_iter
multi_class n_jobs penalty random_state solver tol verbose""",
    "LogisticRegressionCV": """Cs class_weight cv dual fit_intercept intercept_scaling l1_ratios
max_iter multi_class n_jobs penalty random_state refit scoring solver tol use_legacy_attributes
verbose""",
    "MeanShift": "bandwidth bin_seeding cluster_all max_iter min_bin_freq n_jobs seeds",
    "MiniBatchKMeans": f"""{_CENTRES} batch_size compute_labels init_size max_no_improvement
reassignment_ratio""",
    "MiniBatchSparsePCA": f"{_SPARSE} batch_size callback max_no_improvement shuffle",
    "MLPClassifier": _NETWORK,
    "MLPRegressor": f"{_NETWORK} loss",
    "MultinomialNB": _BAYES,
    "MultiTaskElasticNet": f"{_TASKS} l1_ratio",
    "MultiTaskElasticNetCV": f"{_TASKS_GRID} l1_ratio n_alphas",
    "MultiTaskLasso": _TASKS,
    "MultiTaskLassoCV": f"{_TASKS_GRID} n_alphas",
    "NearestCentroid": "priors shrink_threshold",
    "NeighborhoodComponentsAnalysis": """callback init max_iter n_components random_state tol
verbose""",
    "NuSVC": f"{_VOTES} nu",
    "NuSVR": f"{_KERNEL} C nu",
    "OneClassSVM": f"{_KERNEL} nu",
    "OrthogonalMatchingPursuit": "fit_intercept n_nonzero_coefs precompute tol",
    "OrthogonalMatchingPursuitCV": "copy cv fit_intercept max_iter n_jobs verbose",
    "PCA": """copy iterated_power n_components n_oversamples power_iteration_normalizer random_state
svd_solver tol whiten""",
    "Perceptron": f"{_DESCENT} class_weight n_jobs",
    "PLSCanonical": f"{_LATENT} algorithm",
    "PLSRegression": _LATENT,
    "PLSSVD": "copy n_components scale",
    "PoissonRegressor": _DEVIANCE,
    "QuadraticDiscriminantAnalysis": """covariance_estimator priors reg_param shrinkage solver
store_covariance tol""",
    "QuantileRegressor": "alpha fit_intercept quantile solver solver_options",
    "RandomForestClassifier": f"{_FOREST} class_weight",
    "RandomForestRegressor": _FOREST,
    "RadiusNeighborsClassifier": f"{_NEIGHBORS} outlier_label",
    "RadiusNeighborsRegressor": _NEIGHBORS,
    "RANSACRegressor": """is_data_valid is_model_valid loss max_skips max_trials min_samples
random_state residual_threshold stop_n_inliers stop_probability stop_score""",
    "Ridge": _RIDGE,
    "RidgeClassifier": f"{_RIDGE} class_weight",
    "RidgeClassifierCV": "alphas class_weight cv fit_intercept scoring store_cv_results",
    "RidgeCV": "alpha_per_target alphas cv fit_intercept gcv_mode scoring store_cv_results",
    "SGDClassifier": f"{_DESCENT} average class_weight epsilon learning_rate loss n_jobs power_t",
    "SGDOneClassSVM": """average eta0 fit_intercept learning_rate max_iter nu power_t random_state
shuffle tol verbose""",
    "SGDRegressor": f"{_DESCENT} average epsilon learning_rate loss power_t",
    "SparsePCA": f"{_SPARSE} U_init V_init",
    "SparseRandomProjection": """compute_inverse_components dense_output density eps n_components
random_state""",
    "SVC": f"{_VOTES} C",
    "SVR": f"{_KERNEL} C epsilon",
    "TheilSenRegressor": """fit_intercept max_iter max_subpopulation n_jobs n_subsamples
random_state tol verbose""",
    "TruncatedSVD": """algorithm n_components n_iter n_oversamples power_iteration_normalizer
random_state tol""",
    "TweedieRegressor": f"{_DEVIANCE} link power",
    "XGBClassifier": _XGBOOST,
    "XGBRegressor": _XGBOOST,
    "XGBRFClassifier": _XGBOOST,
    "XGBRFRegressor": _XGBOOST,
}
"""Parameters that the wrapped class gets as they are, by its name."""

FURTHER_PASSED = {
    "xgboost": """alpha colsample_bylevel disable_default_eval_metric eta huber_slope lambda
max_cached_hist_node min_split_loss nthread num_class quantile_alpha expectile_alpha refresh_leaf
seed seed_per_iteration sparse_threshold tweedie_variance_power""",
    "lightgbm": """alpha auc_mu_weights bagging_by_query bagging_fraction bagging_freq bagging_seed
bin_construct_sample_cnt boost_from_average boosting cat_l2 cat_smooth cegb_penalty_feature_coupled
cegb_penalty_feature_lazy cegb_penalty_split cegb_tradeoff data_random_seed data_sample_strategy
deterministic device_type drop_rate drop_seed early_stopping_min_delta early_stopping_round
enable_bundle eval_at extra_seed extra_trees fair_c feature_contri feature_fraction
feature_fraction_bynode feature_fraction_seed feature_pre_filter first_metric_only force_col_wise
force_row_wise gpu_device_id gpu_device_id_list gpu_platform_id gpu_use_dp histogram_pool_size
interaction_constraints is_enable_sparse is_provide_training_metric is_unbalance lambda_l1
lambda_l2 lambdarank_norm lambdarank_position_bias_regularization lambdarank_truncation_level
label_gain learning_rate linear_lambda max_bin max_bin_by_feature max_cat_threshold
max_cat_to_onehot max_delta_step max_depth max_drop metric metric_freq min_data_in_bin
min_data_in_leaf min_data_per_group min_gain_to_split min_sum_hessian_in_leaf monotone_constraints
monotone_constraints_method monotone_penalty multi_error_top_k neg_bagging_fraction num_class
num_gpu num_grad_quant_bins num_iterations num_leaves num_threads objective objective_seed
other_rate path_smooth poisson_max_delta_step pos_bagging_fraction quant_train_renew_leaf
saved_feature_importance_type scale_pos_weight seed sigmoid skip_drop stochastic_rounding time_out
top_k top_rate tree_learner tweedie_variance_power uniform_drop use_quantized_grad verbosity
xgboost_dart_mode""",
}
"""Parameters that a booster takes by further keywords and gets as they are, by library."""

FIT_PASSED = {
    "sklearn": """X y sample_weight check_input coef_init intercept_init offset_init fit_params
params monitor y_val sample_weight_val classes Xy copy_X""",
    "xgboost": "X y sample_weight verbose sample_weight_eval_set feature_weights",
    "lightgbm": """X y sample_weight eval_names eval_sample_weight eval_class_weight eval_metric
feature_name callbacks eval_y""",
}
"""Arguments of `fit` and `partial_fit` that the wrapped class gets as they are; trees get X as
codes."""
