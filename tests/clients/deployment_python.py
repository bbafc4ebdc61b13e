"""Checks what deploys Syncline against schemas that others wrote: `manifests` and `compose` on stdin, settings as JSON.

Prints the names of all variables that the containers of Syncline are given.
"""

import json
import sys

import jsonschema
import kubernetes_validate
import yaml

settings = json.load(sys.stdin)
variables = set()

for manifest in yaml.safe_load_all(settings.get("manifests", "")):
    if manifest is None:
        continue
    kubernetes_validate.validate(manifest, settings["kubernetes"], strict=True)
    if manifest["kind"] == "Secret":
        variables.update(manifest["stringData"])
    if manifest["kind"] == "Deployment":
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            variables.update(variable["name"] for variable in container["env"])

if "compose" in settings:
    compose = yaml.safe_load(settings["compose"])
    with open(settings["compose_schema"], encoding="utf-8") as schema:
        jsonschema.validate(compose, json.load(schema))
    variables.update(compose["services"]["app"]["environment"])

json.dump(sorted(variables), sys.stdout)
