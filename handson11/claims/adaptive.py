"""Studies of sections 11.3.3 and 11.3.4: AdaGrad and RMSProp (CL-62, CL-63)."""
