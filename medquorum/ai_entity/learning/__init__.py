"""Learning from what the doctors accepted: dataset, training, gate, promotion, drift."""
