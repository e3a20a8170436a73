"""Every public function, called as every role with hostile arguments: `make fuzz`."""
