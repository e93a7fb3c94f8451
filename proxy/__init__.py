"""The HTTP floor: it speaks OpenAI's wire to clients and hands everything else down."""
