"""Values of RunSpec other than the defaults."""

from __future__ import annotations

from typing import Any

OTHER_VALUES = {
    "task": "inference", "method": "ganomaly",
    "dataset": "mnist", "image_size": 64, "normal_class": 1, "gamma": 0.05, "naive_latent": "1x1",
    "backbone": "unet", "upsampling": "bilinear", "generator_norm": "none", "discriminator": "two_block",
    "init": "torch", "batch_norm": "advprop", "advprop_scope": "g+d", "bn_update": "all", "lambda_adv": 2.0,
    "lambda_con": 2.0, "lambda_adcon": 2.0, "lambda_lat": 2.0, "adversarial_context": "off", "latent_loss": "norm",
    "detach_pseudo": True, "anomaly_pair": "eq3", "anomaly_weight": "share", "reciprocal": "per_sample",
    "recip_eps": 0.1, "updates": 7, "batch_size": 128, "min_anomalies": 16, "batch_mix": "separate",
    "anomaly_place": "appended", "lr": 0.1, "beta1": 0.9, "beta2": 0.9, "d_reset_threshold": 0.0,
    "precision": "bf16", "features": "gcn", "neighbours": 3,
    "encoder": "netd", "scaling": "unit", "weight_decay": 0.1, "lr_steps": (2,),
    "lr_divisor": 2.0, "optimiser": "sgd", "transformations": "rot4", "normality": "softmax", "restoration_loss": "l1",
    "augmentation": "flip", "boundary": "soft", "pretrain_updates": 3, "pretrain_weight_decay": 0.1,
    "pretrain_lr_steps": (1,), "search_steps": 2,
    "curve": (1, 2), "curve_protocols": ("eval",), "final_protocols": ("eval", "eval_recal"),
    "test_orders": 2, "eval_batch_size": 64, "eval_precision": "bf16", "validation": 0.2, "validation_anomalies": 7,
    "validation_anomaly_classes": (1, 2), "evaluate_test": False, "seed": 1, "seed_scope": "all_classes",
}  # fmt: skip

PRETRAINING = ("boundary", "pretrain_updates", "pretrain_weight_decay", "pretrain_lr_steps")
GEOTRANS = ("transformations", "normality")
ARNET = ("lr_divisor", "optimiser", "restoration_loss", "augmentation")
NEEDED: dict[str, dict[str, Any]] = {
    **{name: {"validation": 0.1} for name in ("validation_anomalies", "validation_anomaly_classes", "evaluate_test")},
    **{name: {"method": "knn", "updates": 0} for name in ("features", "neighbours")},
    "search_steps": {"method": "anogan"},
    **{name: {"method": "deep_svdd", "pretrain_updates": 2} for name in PRETRAINING},
    **{name: {"method": "classifier", "gamma": 0.05} for name in ("encoder", "scaling", "weight_decay", "lr_steps")},
    **{name: {"method": "geotrans", "encoder": "wrn_10_1"} for name in GEOTRANS},
    **{name: {"method": "arnet", "lr_steps": (1,)} for name in ARNET},
}
"""What a field must go with."""
