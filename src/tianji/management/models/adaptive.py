"""What adaptive routers believe of their models, and what they have learnt."""

from tianji.management.desk import Call, Row
from tianji.routing.auto.adaptive import AdaptiveRouter


async def state(call: Call) -> Row:
    """Describe the adaptive routers; where there are none, LiteLLM answers 404."""
    routers = call.office.fleet.snapshot().school.routers
    return {"routers": [_told(name, router) for name, router in routers.items()]}


def _told(name: str, router: AdaptiveRouter) -> Row:
    return {
        "router_name": name,
        "available_models": [arm.group for arm in router.arms],
        "weights": {"quality": router.weights.quality, "cost": router.weights.cost},
        "model_costs": {arm.group: arm.price for arm in router.arms},
        "cells": [
            {
                "request_type": kind,
                "model": arm.group,
                "alpha": round(alpha, 6),
                "beta": round(beta, 6),
                "samples": sum(score),
                "quality_mean": round(alpha / (alpha + beta), 6),
            }
            for kind, arm, (alpha, beta), score in router.cells()
        ],
    }
