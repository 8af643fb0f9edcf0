# The REST guide of 2024: create, ask until it is done, ask the model, all with curl and a key in the address.
# Source: https://ai.google.dev/gemini-api/docs/model-tuning/rest as of August 2024, for the requests and their order.
set -euo pipefail
base_url=https://generativelanguage.googleapis.com
key=an-old-key

field() { python3 -c 'import json, sys; value = json.load(sys.stdin)
for name in sys.argv[1].split("."): value = value[int(name)] if name.isdigit() else value.get(name, "")
print(value)' "$1"; }

examples=""
for number in $(seq 1 16); do
  examples="$examples${examples:+,}{\"text_input\": \"$number\", \"output\": \"$((number + 1))\"}"
done
operation=$(curl -sS -X POST "$base_url/v1beta/tunedModels?key=$key" -H "Content-Type: application/json" -d "{
  \"display_name\": \"number generator model\",
  \"base_model\": \"models/gemini-1.5-flash-001-tuning\",
  \"tuning_task\": {
    \"hyperparameters\": {\"batch_size\": 2, \"learning_rate\": 0.001, \"epoch_count\": 5},
    \"training_data\": {\"examples\": {\"examples\": [$examples]}}
  }
}" | field name)
done=
while [ "$done" != True ]; do
  sleep 0.2
  answer=$(curl -sS "$base_url/v1/$operation?key=$key" -H "Content-Type: application/json")
  done=$(echo "$answer" | field done)
  echo "Tuning... $(echo "$answer" | field metadata.completedPercent)% - done = $done"
done
model=$(echo "$answer" | field metadata.tunedModel)
curl -sS "$base_url/v1beta/$model?key=$key" | field state
curl -sS -X POST "$base_url/v1beta/$model:generateContent?key=$key" -H "Content-Type: application/json" \
  -d '{"contents": [{"parts": [{"text": "7"}]}]}' | field candidates.0.content.parts.0.text
