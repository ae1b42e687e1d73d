"""
Projections and clusters
========================

``PCA`` and ``KMeans`` on encrypted data: the projection is affine, and so are distances to
centres, once what all centres have in common is left out. Which centre is nearest, the client
finds after decryption.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from cml_sklearn import PCA, KMeans

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)

# %%
# ``transform`` takes the keyword as ``predict`` does.
pca = PCA(n_components=2).fit(X)
plane = pca.transform(X, execute_in_fhe=True)
clusters = KMeans(n_clusters=3, random_state=0).fit(X)
found = clusters.predict(X, execute_in_fhe=True)
print("largest difference to scikit-learn:", abs(plane - pca.sklearn_model_.transform(X)).max())
print("equal clusters:", (found == clusters.sklearn_model_.predict(X)).all())

# %%
figure, axes = plt.subplots(2, 1, figsize=(6, 7), sharex=True, sharey=True, layout="constrained")
titles = ["Clusters, found on encrypted data", "Cultivars, which no one told"]
for ax, groups, title in zip(axes, [found, y], titles, strict=True):
    for group in range(3):
        ax.plot(*plane[groups == group].T, "o", alpha=0.6, label=str(group))
    ax.set(ylabel="second component", title=title)
axes[1].set_xlabel("first component")
axes[0].legend(title="cluster")
axes[1].legend(title="cultivar")
plt.show()
