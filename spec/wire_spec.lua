-- A share of what prove/wire.lua goes through.
local awork = require "awork"
local sweep = require "wire_sweep"
local wire_peer = require "wire_peer"

local EFFORT = tonumber(os.getenv "AWORK_EFFORT") or 1

describe("on the wire", function()
  local function check(condition, ...)
    assert(condition, string.format(...))
  end

  it("recorded answers, broken at every byte, give a value or a typed error in time", function()
    assert.is_true(sweep.recorded(0.02 * math.max(EFFORT, 0.05), check) >= 10)
  end)

  it("so do answers that no server should give", function()
    assert.is_true(sweep.hostile(EFFORT == 1 and 0.5 or 0.05, check) >= 10)
  end)

  -- Each through one client, one after another, so that libcurl's handle has met a response before.
  local function answers(...)
    local peer = wire_peer.new()
    local client = assert(awork.client { base_url = peer.url, token = "t", rate = false })
    local out = {}
    for i, bytes in ipairs { ... } do
      peer.script = { "HTTP/1.1 200 OK\r\n" .. bytes, "=close" }
      client:spawn(function()
        out[i] = table.pack(client:request("GET", "/users/me", { retry = false }))
      end)
      assert(peer:drive(client, function() return out[i] end))
    end
    client:close()
    peer:close()
    return out
  end

  it("a head that begins with a folded line reads nothing of the response before (libcurl 7.88)", function()
    local usual, folded = "X-A: b\r\nContent-Length: 2\r\n\r\n{}", " X-B: c\r\nContent-Length: 2\r\n\r\n{}"
    local out = answers(usual, folded, usual, folded, usual)
    for i = 1, 5, 2 do
      assert.same({}, out[i][1])
    end
    for i = 2, 4, 2 do
      assert.equal("not-http", out[i][2].code)
      assert.equal("protocol", out[i][2].kind)
    end
  end)

  it("a compressed body that was cut before its first byte is no empty one", function()
    local gzip = "\31\139\8\0\0\0\0\0\2\3"
    local out = answers("Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n" .. gzip)
    assert.equal("content-encoding", out[1][2].code)
  end)

  it("redirects are not followed", function()
    assert.is_true(sweep.redirects(EFFORT == 1 and 1 or 0.2, check) >= 20)
  end)

  it("a proxy that lies gets no token", function()
    assert.is_true(sweep.proxies(EFFORT == 1 and 1 or 0.3, check) >= 10)
  end)
end)
