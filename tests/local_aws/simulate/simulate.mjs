// Reads a list of simulations from standard input, and writes the list of what comes of each.
import { readFileSync } from "node:fs";
import { runSimulation } from "@cloud-copilot/iam-simulate";

const decisions = [];
for (const { policies, principal, account, action, resource, context } of JSON.parse(readFileSync(0, "utf8"))) {
  const found = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
      identityPolicies: policies.map((policy, number) => ({ name: `policy${number}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    { simulationMode: "Strict" },
  );
  decisions.push(found.resultType === "error" ? found.errors : found.overallResult);
}
console.log(JSON.stringify(decisions));
