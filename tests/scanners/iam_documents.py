"""What cloudsplaining finds in IAM documents: ``{name: document}`` in, ``[[name, finding]]`` out, as JSON.

Runs in checkov's environment, which has cloudsplaining.
"""

import json
import sys

from cloudsplaining.scan.policy_document import PolicyDocument


def findings(document: dict[str, object]) -> dict[str, bool]:
    policy = PolicyDocument(document)
    return {
        "PrivilegeEscalation": bool(policy.allows_privilege_escalation),
        "DataExfiltration": bool(policy.allows_data_exfiltration_actions),
        "ResourceExposure": bool(policy.permissions_management_without_constraints),
        "CredentialsExposure": bool(policy.credentials_exposure),
        "InfrastructureModification": bool(policy.infrastructure_modification),
        "ServiceWildcard": bool(policy.service_wildcard),
    }


if __name__ == "__main__":
    documents = json.load(sys.stdin)
    found = [[name, rule] for name, each in documents.items() for rule, is_found in findings(each).items() if is_found]
    json.dump(found, sys.stdout)
