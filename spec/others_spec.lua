-- A share of prove/others.lua: what others do at some moments of an apply.
local help = require "client_help"
local sweep = require "others_sweep"

describe("an apply beside others", function()
  local server

  setup(function()
    server = help.server { users = 4, log = false }
    sweep.open()
  end)

  teardown(function()
    server.stop()
    sweep.close()
  end)

  for edit in pairs(sweep.EDITS) do
    it("leaves what is done by hand: " .. edit, function()
      for _, how in ipairs { "many", "list", "each" } do
        for _, undo in ipairs { false, true } do
          for moment = 1, 9, 2 do
            sweep.edit(server, edit, moment, how, undo)
          end
        end
      end
    end)
  end

  it("refuses a second one", function()
    for moment = 1, 9, 2 do
      assert.is_true(sweep.two(server, moment, moment % 4 == 1))
    end
  end)

  it("makes nothing twice, and undoes nothing of others, on servers that lag and whose clocks differ", function()
    for _, options in ipairs { { breaks = "reset_after", times = 4, lag = 3 }, { breaks = "reset_after", times = 4,
      created = 30, date = -30 }, { breaks = "reset_before", times = 2, lag = 0.5, date = 30 } } do
      assert.is_true(sweep.wrong(server, options) > 10)
    end
  end)

  it("reads everyone once though pages shift", function()
    server.reset()
    for boundary = 1, 4 do
      for _, kind in ipairs { "front", "middle", "back", "all" } do
        sweep.shift(server, 9, 3, boundary, kind)
      end
    end
  end)
end)
