-- A few seconds of what `make soak` does for ten minutes.
local soak = require "soak_run"

local PLAIN = (os.getenv "AWORK_CHECK" or "plain") == "plain"

describe("a soak #process", function()
  it("with random faults balances its ledger, and nothing grows", function()
    local totals = soak.run(PLAIN and 5 or 2, function(condition, ...)
      assert(condition, string.format(...))
    end)
    assert.is_true(totals.created > 0)
  end)
end)
