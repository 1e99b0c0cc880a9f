local limits = require "awork.sandbox.limits"

describe("the sandbox's limits", function()
  local function headers(l)
    local out = {}
    local n = l:headers(out, 0)
    local map = {}
    for i = 1, n, 2 do map[out[i]] = out[i + 1] end
    return map
  end

  it("count fixed windows from the start", function()
    local l = limits.new({ second = 3, minute = 5 }, 100.5)
    for _ = 1, 3 do assert.is_true(l:take(100.6)) end
    local ok, wait = l:take(101.25)
    assert.is_false(ok)
    assert.near(0.25, wait, 1e-9)
    assert.is_true(l:take(101.5))
    assert.is_true(l:take(101.5))
    ok, wait = l:take(102.6) -- the minute's window is full
    assert.is_false(ok)
    assert.near(57.9, wait, 1e-9)
    assert.is_true(l:take(160.5))
    assert.equal(2, l.refused)
  end)

  it("count sliding windows back from each request", function()
    local l = limits.new({ second = 2, minute = false, window = "sliding" }, 0)
    assert.is_true(l:take(0.75))
    assert.is_true(l:take(1.25))
    local ok, wait = l:take(1.5)
    assert.is_false(ok)
    assert.equal(0.25, wait)
    assert.is_true(l:take(1.75))
    assert.is_false((l:take(2.0)))
    assert.is_true(l:take(2.25))
  end)

  it("never let more through than they say, in any window", function()
    local l = limits.new({ second = 5, minute = 40, minute_seconds = 20, window = "sliding" }, 0)
    local admitted, now = {}, 0
    for i = 1, 5000 do
      now = now + (i * 7919 % 97) / 1000
      if l:take(now) then admitted[#admitted + 1] = now end
    end
    for i = 1, #admitted do
      if admitted[i + 5] then assert.is_true(admitted[i + 5] - admitted[i] >= 1 - 1e-9) end
      if admitted[i + 40] then assert.is_true(admitted[i + 40] - admitted[i] >= 20 - 1e-9) end
    end
    assert.is_true(#admitted > 300)
  end)

  it("take one back", function()
    for _, window in ipairs { "fixed", "sliding" } do
      local l = limits.new({ second = 1, window = window }, 0)
      assert.is_true(l:take(0.1))
      l:untake()
      assert.is_true(l:take(0.2))
      assert.is_false((l:take(0.3)))
    end
  end)

  it("say what is left and when more comes", function()
    local l = limits.new({ second = 10, minute = 20 }, 0)
    l:take(0.25)
    assert.same({
      ["ratelimit-limit"] = 10, ["ratelimit-remaining"] = 9, ["ratelimit-reset"] = 1,
      ["x-ratelimit-limit-second"] = 10, ["x-ratelimit-remaining-second"] = 9,
      ["x-ratelimit-limit-minute"] = 20, ["x-ratelimit-remaining-minute"] = 19,
    }, headers(l))
    for i = 1, 15 do l:take(i) end
    assert.equal(4, headers(l)["ratelimit-remaining"]) -- the minute's, which has less left
    assert.equal(45, headers(l)["ratelimit-reset"])
    l:look(60)
    assert.equal(20, headers(l)["x-ratelimit-remaining-minute"])
    assert.same({}, headers(limits.new({ second = false, minute = false }, 0)))
  end)

  it("refuse options that make no sense", function()
    assert.is_false(limits.new(false, 0))
    for _, options in ipairs {
      true, { seconds = 1 }, { window = "leaky" }, { second = -1 }, { second = 1.5 }, { minute = "many" },
      { minute_seconds = 0 }, { second_seconds = 0 / 0 },
    } do
      local made, message = limits.new(options, 0)
      assert.is_nil(made)
      assert.equal("string", type(message))
    end
  end)
end)
