"""The questions of the gallery: experiment, figure, and what it shows (tests/docs/test_results_numbers.py)."""

QUESTIONS = [
    (
        "Where does the gradient vanish, and when does training mend it?",
        "gradient_flow_medium",
        "gradient_heat_map",
        "Once GRU and LSTM have learned, it reaches the first step; in the RNN, which has not, it does not.",
    ),
    (
        "How does the recurrent gain decide how fast it vanishes?",
        "gradient_flow_medium",
        "decay_by_gain",
        "Orthogonal, gain 0.5: it vanishes in all three. Gain 2: it grows by 7 decades in the RNN, not in the GRU.",
    ),
    (
        "What is the gradient at each step, before and after?",
        "gradient_flow_medium",
        "gradient_norms",
        "A straight line on this scale is a constant factor per step, as the theory of the linear RNN has it.",
    ),
    (
        "Who learns the adding problem, and how fast?",
        "adding_medium",
        "learning_curves",
        "GRU and LSTM solve it at every length, the GRU over all lengths in fewer steps; the RNN solves none.",
    ),
    (
        "Up to which length?",
        "adding_medium",
        "horizon",
        "Every run of GRU and LSTM solves every length that was tried, to 200 steps; no run of the RNN solves any.",
    ),
    (
        "What does a training step cost?",
        "adding_medium",
        "cost",
        "A training step of the LSTM takes longest, one of the RNN least; the GRU has 3/4 of the LSTM's parameters.",
    ),
    (
        "How much does the learning rate matter?",
        "adding_medium",
        "learning_rate_sensitivity",
        "The RNN needs smaller rates than GRU and LSTM, whose best ones overlap: no one rate suits all three.",
    ),
    (
        "Do cells that learned hold beyond the trained length?",
        "length_generalisation",
        "other_lengths",
        "LSTM and GRU lose adding from twice the length on; the GRU copies at longer delays; one GRU learns parity.",
    ),
    (
        "Can they follow a state that every input changes?",
        "state_tracking",
        "other_lengths",
        "LSTM, GRU and sLSTM follow parity, even pairs and S3 to ten times the trained length; A5 and S5 no cell does.",
    ),
    (
        "Does the comparison of Chung et al. (2014) hold?",
        "chung2014_music",
        "learning_curves",
        "GRU and LSTM end below tanh units on JSB Chorales, as in the paper; here the LSTM is better, there the GRU.",
    ),
    (
        "Is one width or one number of parameters the fair comparison?",
        "claims",
        "equal_budget",
        "At length 40 the order stays: either way 8 of 8 GRUs solve it, 3 of 8 LSTMs and no RNN.",
    ),
]
