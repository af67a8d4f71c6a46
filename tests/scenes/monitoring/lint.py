"""Lints what `permisos-secrets policy` and `monitor` print: lint.py FOLDER.

CloudFormation by cfn-lint, IAM by parliament, Terraform by a parser of its language.
"""

import json
import sys
from pathlib import Path

import hcl2
import parliament
from cfnlint.api import ManualArgs, lint


def template(text: str) -> list[str]:
    # As the program itself does it: errors and warnings, not what is for information.
    return [str(match) for match in lint(text, config=ManualArgs(ignore_checks=["I"]))]


def policy(text: str) -> list[str]:
    return [str(finding) for finding in parliament.analyze_policy_string(text).findings]


def terraform(text: str) -> list[str]:
    try:
        return [] if hcl2.loads(text)["resource"] else ["no resource"]
    except Exception as error:  # the parser's errors have no common type
        return [str(error)]


LINTERS = {"*.template.json": template, "*.policy.json": policy, "*.tf": terraform}


def main() -> None:
    folder = Path(sys.argv[1])
    found = []
    for pattern, findings_of in LINTERS.items():
        files = sorted(folder.glob(pattern))
        assert files, f"there is no {pattern} in {folder}"
        for file in files:
            text = file.read_text()
            found += [f"{file.name}: {finding}" for finding in findings_of(text)]
            if findings_of is template:
                # A template's policy is as good as the policy.
                for resource in json.loads(text)["Resources"].values():
                    if resource["Type"] == "AWS::IAM::ManagedPolicy":
                        findings = policy(json.dumps(resource["Properties"]["PolicyDocument"]))
                        found += [f"{file.name}: {finding}" for finding in findings]
    print("\n".join(found) or "no findings")
    sys.exit(bool(found))


main()
