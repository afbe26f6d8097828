// Parses the Adaptive Cards of a JSON file (a list) with Microsoft's own library, as version 1.4, and counts what it finds wrong.
const fs = require("node:fs");
const { AdaptiveCard, SerializationContext, Versions } = require("adaptivecards/dist/adaptivecards.js");

function problems(card) {
  const context = new SerializationContext(Versions.v1_4);
  const parsed = new AdaptiveCard();
  parsed.parse(card, context);
  const found = [];
  for (let at = 0; at < context.eventCount; at += 1) {
    found.push(context.getEventAt(at).message);
  }
  if (parsed.getItemCount() !== card.body.length) {
    found.push(`${card.body.length} elements were sent, ${parsed.getItemCount()} are shown`);
  }
  return found;
}

const cards = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const wrong = cards.flatMap(problems);
// The judge can find something: a card with two mistakes has two.
const mistaken = { type: "AdaptiveCard", version: "1.4", body: [{ type: "TextBlck" }, { type: "TextBlock", text: "a", color: "Pink" }] };
if (problems(mistaken).length < 2) {
  wrong.push("the judge found nothing wrong with a card that is");
}
wrong.forEach((line) => console.log(`not ok: ${line}`));
console.log(`${cards.length} cards`);
process.exit(wrong.length === 0 ? 0 : 1);
