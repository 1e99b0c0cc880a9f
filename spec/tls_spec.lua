-- A share of what prove/tls.lua goes through.
local sweep = require "tls_sweep"

local EFFORT = tonumber(os.getenv "AWORK_EFFORT") or 1

describe("TLS", function()
  local function check(condition, ...)
    assert(condition, string.format(...))
  end

  it("with a wrong certificate, or of an old version, is refused before anything is sent #process", function()
    assert.equal(8, sweep.certificates(check))
  end)

  it("cut or changed anywhere gives the answer or a typed error", function()
    assert.is_true(sweep.records(EFFORT == 1 and 0.02 or 0.002, check) >= 6)
  end)

  it("with HTTP/2 that goes wrong does so too #process", function()
    assert.is_true(sweep.http2(EFFORT == 1 and 0.04 or 0.01, check) > 10)
  end)
end)
