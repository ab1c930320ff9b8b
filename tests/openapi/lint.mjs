// Reads OpenAPI documents (the arguments) with the recommended rules of Redocly and Spectral, and prints what they find
// as JSON: a list of { file, by, rule, at, says }.
import { readFileSync } from "node:fs";
import redocly from "@redocly/openapi-core";
import spectral from "@stoplight/spectral-core";
import rulesets from "@stoplight/spectral-rulesets";

// Rules that are matters of taste, and why ours is another.
const REDOCLY_OFF = {
  // The reference page of an installation has no public address of its own, and a licence needs no URL beside its identifier.
  "info-license-url": "off",
  // Public operations cannot be refused for what they are given.
  "operation-4xx-response": "error",
};
const SPECTRAL_OFF = {
  // There is nobody to write to but the operator of the installation.
  "info-contact": "off",
};

const found = [];
for (const file of process.argv.slice(2)) {
  const source = readFileSync(file, "utf8");
  const config = await redocly.createConfig({ extends: ["recommended"], rules: REDOCLY_OFF });
  for (const one of await redocly.lintFromString({ source, absoluteRef: file, config })) {
    found.push({ file, by: "redocly", rule: one.ruleId, at: one.location?.[0]?.pointer ?? "", says: one.message });
  }
  const linter = new spectral.Spectral();
  linter.setRuleset({ extends: [[rulesets.oas, "recommended"]], rules: SPECTRAL_OFF });
  for (const one of await linter.run(JSON.parse(source))) {
    found.push({ file, by: "spectral", rule: String(one.code), at: one.path.join("/"), says: one.message });
  }
}
console.log(JSON.stringify(found));
